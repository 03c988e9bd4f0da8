-- What was known at an instant: the balances of whole days, and of the last day the transactions recorded up to it.
CREATE INDEX journal_by_recorded ON journal (tenant, recorded);
