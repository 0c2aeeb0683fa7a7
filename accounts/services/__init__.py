"""What people do with teams and tokens. Pages and API call these, and nothing else writes."""

from accounts.services.budgets import set_budget
from accounts.services.members import add_member, change_role, remove_member
from accounts.services.tokens import create_token, revoke_token

__all__ = ["add_member", "change_role", "create_token", "remove_member", "revoke_token", "set_budget"]
