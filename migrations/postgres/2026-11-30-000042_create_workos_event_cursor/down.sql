DELETE FROM jobs WHERE name = 'poll_workos_events';
DROP TABLE workos_event_cursor;
