"""What goes out by itself: mail, and events to webhooks."""
