"""The demonstration: scripted callers phone the city over real SIP and RTP, and the whole thread is shown live."""
