package modem

// WithDefaults are the bounds that hold where t leaves them zero; whoever judges how long a session takes asks here.
func (t Times) WithDefaults() Times { return t.withDefaults() }
