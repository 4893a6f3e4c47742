"""`/v1/takedowns`: claims on released clips, and their owners' objections; and pages for both."""
