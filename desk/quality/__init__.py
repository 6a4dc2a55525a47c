"""Pages and API of quality: reviews, appeals, calibration, coaching, reports, sampling."""
