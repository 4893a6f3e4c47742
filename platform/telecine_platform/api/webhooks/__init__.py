"""The webhook API: endpoints by the OpenAI SDK's calls, and what was sent to them."""
