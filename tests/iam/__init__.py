"""IAM: what each role may do, whether AWS knows such leave, and whether Frontdesk needs it."""
