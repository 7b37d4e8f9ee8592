"""Pictures for people: frames decoded one at a time, and the previews made of them. The original is never altered."""
