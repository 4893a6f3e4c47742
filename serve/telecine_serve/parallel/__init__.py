"""Ranks: process groups, the all-reduce they share, and layers that divide over them."""
