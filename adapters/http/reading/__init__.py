"""What a request says: body, query, headers, cursors and conditions, each checked."""
