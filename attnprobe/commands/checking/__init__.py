"""What the commands that judge a scan share: their options, their settings, their verdict."""
