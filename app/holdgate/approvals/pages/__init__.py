"""The pages of approval requests: inbox, review, groups, receipts."""
