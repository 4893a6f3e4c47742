"""`/v1/reviews`: the jobs that wait for a person."""
