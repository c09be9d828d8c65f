"""
What can be asked of the API. Each operation is a generator of steps and returns what its answer says.

Only what the API takes twice without harm is repeated after it may have arrived: reading, registering tasks, dry runs.
"""
