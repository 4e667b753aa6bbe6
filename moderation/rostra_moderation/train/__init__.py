"""How the classifier that ships was trained, so that anybody can train their own. Needs the extra ``moderation``."""
