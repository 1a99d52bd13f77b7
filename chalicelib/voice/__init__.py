"""Voice: the codehook of a Lex V2 bot that answers a bank's telephone."""
