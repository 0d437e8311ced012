package modemsim

// cgdata is +CGDATA="PPP",<cid>.
func cgdata(s *Sim, c call) reply {
	return refuse(4)
}

func (s *Sim) noCarrier() {}
