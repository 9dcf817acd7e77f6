-- One row: a protocol and its settings.
select
    protocol,
    settings
from protocol
-- the default first
order by protocol <> 'sound', protocol
