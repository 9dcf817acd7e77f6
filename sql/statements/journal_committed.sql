-- Stores which entry of the journal this transaction belongs to.
update journal set last_entry = $entry
