"""The administrator's pages: the city's files, each change a version, applied to Asterisk from the page."""
