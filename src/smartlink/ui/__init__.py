"""What the two consoles share: look, words, languages and the guards of a session. No web framework in here."""
