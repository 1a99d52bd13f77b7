"""The soak: a proof that nothing is lost, nothing doubled and nothing mixed up, whatever is killed meanwhile.

Deliveries with duplicates, conflicts and poison pass, shuffled, through the real processor into a real PostgreSQL,
while both are killed with SIGKILL; a part of them through HTTP and the queue of a whole local cloud. What the database
holds in the end is compared with what was sent, and the orders with a model that shares no code with the application.
"""
