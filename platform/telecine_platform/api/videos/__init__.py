"""`/v1/videos`: the OpenAI Videos API, as far as text-to-video goes, and what goes beyond it."""
