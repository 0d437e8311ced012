// Package gpio switches the power of a module, or its reset line, by a line of the GPIO character device.
//
// It never touches a line before it is told to cut the power, and then keeps it until Close: a line that is given back
// may float. firmware/hardware makes a Power for drivers/modem's ladder; package gpiotest is a board in memory.
package gpio
