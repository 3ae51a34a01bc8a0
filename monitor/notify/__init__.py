"""What people and systems are told: a notification, the channels that carry it, the wording that they share."""
