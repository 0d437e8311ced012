package reply

// elsewhere names the files whose cases are not read by Parse, and why.
func elsewhere() map[string]string {
	const (
		voice  = "voice calls and messages: an appliance makes none"
		bands  = "bands and modes are left as the operator and the module chose them"
		vendor = "a family that has no profile here"
		gnss   = "positioning: an appliance does not move"
		build  = "builds a command that is never sent: bands and modes are left alone"
		own    = "read by a test of its own below"
	)
	return map[string]string{
		"apn_compare": own, "operator_id": own, "operator_name_charset": own, "identify": own, "uint_list": own,
		"profile_select": "which context to take is the session's choice, not a reply",
		"usb_port_roles": "read by the test of the table in drivers/serial", "at_final_result": "read by the test of drivers/at",
		"at_echo_removal": "drivers/at knows the echo by the command it sent, and removes nothing else",
		"split_groups":    own,
		"act_string":      "words of CDMA modules", "bcd_string": "raw SIM files: +CCID is asked instead", "ef_ad_mnc_length": "raw SIM files: the number of the operator is not needed",
		"ef_ecc": "raw SIM files: emergency numbers", "crsm": "raw SIM files: only the card's number is asked for so, which is read in iccid",
		"transcript_quectelcm_rm500u": own,
		"cfun_mode_read":              "the generations that Ericsson and Linktop hide in +CFUN; the value itself is read in cfun_read",
		"cgerep_test":                 "not asked: which modes of +CGEREP there are shows when one is set", "cmer_test": "not used: registration lines say more", "cind_test": "not used: registration lines say more",
		"ifc_test": "flow control means nothing on USB", "cscs_test": "not asked: names are taken in ASCII, or in UCS2 where the digits show it", "ws46_test": bands, "cpol_read": bands,
		"ccwa_read": voice, "ccwa_urc": voice, "cds_urc": voice, "clcc": voice, "clip_urc": voice, "cmgl": voice, "cmgr": voice, "cnum": voice,
		"cpms_read": voice, "cpms_test": voice, "cscb_read": voice, "simcom_clcc_urc": voice, "simcom_cring_urc": voice,
		"simcom_missed_call_urc": voice, "simcom_rxdtmf_urc": voice, "simcom_voice_call_urc": voice,
		"altair_bands": vendor, "altair_cginfo": vendor, "altair_pcoinfo": vendor, "icera_ipdpaddr": vendor, "icera_ipdpcfg": vendor, "mbm_e2ipcfg": vendor,
		"cinterion_cnmi_test": vendor, "cinterion_cops_build": vendor, "cinterion_ctzu_urc": vendor, "cinterion_provcfg": vendor, "cinterion_scfg_read": vendor,
		"cinterion_scfg_test": vendor, "cinterion_sgauth": vendor, "cinterion_sind": vendor, "cinterion_slcc_urc": vendor, "cinterion_smong": vendor,
		"cinterion_smoni": vendor, "cinterion_swwan": vendor, "cinterion_sxrat_build": vendor, "cinterion_sxrat_test": vendor, "cinterion_ws46_read": vendor,
		"huawei_prefmode_read": bands, "huawei_prefmode_test": bands, "huawei_syscfg_read": bands, "huawei_syscfg_test": bands, "huawei_syscfgex_read": bands, "huawei_syscfgex_test": bands,
		"quectel_ctzu_test": "not asked: which modes of +CTZU there are shows when one is set", "quectel_firmware_version": "whether a firmware is a special one does not matter here",
		"quectel_revision": "whether a firmware has a version that a fix needs does not matter here",
		"telit_bnd_read":   bands, "telit_bnd_test": bands, "telit_sw_revision_compare": "no behaviour depends on a version",
		"ublox_uact_build": build, "ublox_ubandsel_build": build, "xmm_xact_build": build, "ublox_ubandsel_read": bands, "ublox_urat_read": bands, "ublox_urat_test": bands,
		"xmm_xlcslsr_test": gnss, "xmm_xlcsslp": gnss,
	}
}

// apart names single cases that are read otherwise than the collection expects, and why.
func apart() map[string]string {
	const gsm = "the name is in the GSM alphabet, where @ is another letter; names are taken in ASCII"
	return map[string]string{
		"cops_test#4": gsm, "cops_test#5": gsm,
		"signal_vendor_samples#8": "three commands in one line; we send one at a time, and refuse the line",
	}
}
