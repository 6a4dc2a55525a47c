"""Who may come in, and do what: sessions, second factor, the table of rights, tokens, single sign-on."""
