"""The trigger emulator: from offline quantities, the probability that a path fired. SYSTEMS section 3.

`steps` has a function for each job, from files to files; the other modules work on arrays. LightGBM and scikit-learn
are those of the extra `ml`, and are imported when something is trained or scored.
"""
