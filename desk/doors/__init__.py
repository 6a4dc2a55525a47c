"""What comes in without a call, what goes out to others: letters, counter, public form, webhooks, Open311."""
