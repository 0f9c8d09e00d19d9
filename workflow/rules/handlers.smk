# What happens beside the jobs, in the process that a person started.


onstart:
    session.begin(workflow.executor_plugin.name, sys.argv[1:])
