"""Other doors than the telephone: letters, web form, counter, chat, Open311; and what is told to other systems."""
