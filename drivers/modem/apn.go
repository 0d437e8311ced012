package modem

// apns are the access points of operators for whom one APN without user and password serves everyone, by country and
// network as the IMSI begins with them (ITU-T E.212). They are public knowledge: the operators' own pages, and GNOME's
// mobile-broadband-provider-info, which is in the public domain. An operator with several APNs by contract has no line:
// no APN is better than a wrong one, since the network then chooses. Cards of resellers carry their host's number and may
// need another APN, which the configuration gives.
func apns() map[string]string {
	return map[string]string{
		"20408":  "internet",           // KPN
		"20810":  "sl2sfr",             // SFR
		"20815":  "free",               // Free
		"22201":  "ibox.tim.it",        // TIM
		"22210":  "mobile.vodafone.it", // Vodafone Italia
		"22801":  "gprs.swisscom.ch",   // Swisscom
		"22802":  "internet",           // Sunrise
		"22803":  "internet",           // Salt
		"23801":  "internet",           // TDC
		"24001":  "online.telia.se",    // Telia Sverige
		"24405":  "internet",           // Elisa
		"24491":  "internet",           // Telia Finland
		"26002":  "internet",           // T-Mobile Polska
		"26006":  "internet",           // Play
		"26201":  "internet.telekom",   // Telekom Deutschland
		"26202":  "web.vodafone.de",    // Vodafone Deutschland
		"26203":  "internet",           // Telefónica Deutschland
		"26207":  "internet",           // Telefónica Deutschland
		"310260": "fast.t-mobile.com",  // T-Mobile US
		"310410": "broadband",          // AT&T
		"311480": "vzwinternet",        // Verizon
		"46000":  "cmnet",              // China Mobile
		"50501":  "telstra.internet",   // Telstra
	}
}

// apnOf finds the APN of a card by its IMSI; empty when the operator is not in the table. Networks of three digits are
// looked for first: where a country has these, none of two digits is in the table.
func apnOf(imsi string) string {
	for _, digits := range [...]int{6, 5} {
		if len(imsi) >= digits {
			if apn := apns()[imsi[:digits]]; apn != "" {
				return apn
			}
		}
	}
	return ""
}
