"""Capacity and cost: what a load asks of AWS, which limit it meets first, and what it costs in a month."""
