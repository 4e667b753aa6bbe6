"""Signing in with an account elsewhere: OpenID Connect, Discord, Slack."""
