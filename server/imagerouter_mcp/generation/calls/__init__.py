"""Carry out calls: plan an order, send it in turn, deliver it, let any process collect it."""
