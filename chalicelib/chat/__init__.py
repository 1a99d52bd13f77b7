"""Chat: durable, ordered conversations of customers with the assistant and, when asked for, with a person."""
