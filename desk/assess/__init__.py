"""一键考核: the assessment of departments and call takers on screen, as Excel, and as a bulletin."""
