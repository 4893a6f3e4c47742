"""Which job runs next, on how many gangs, at what price, and who may ask for more: pure rules."""
