"""Work on the spot, by phone: what grid staff and units send, once each, however often and late it comes."""
