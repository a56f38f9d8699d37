"""What else starts containers from images: Lambda, EventBridge and its Scheduler, App Runner, Batch, Step Functions."""


def apply():
    from strict.consumers import apprunner, batch, events, functions, lambda_lists, scheduler, stepfunctions

    for module in (functions, lambda_lists, events, scheduler, batch, stepfunctions, apprunner):
        module.apply()
