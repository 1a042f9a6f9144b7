"""What people type: options and their values, times, filters, and how a shell completes them."""
