"""What AWS's services tell others: EventBridge's rules, SNS's messages and SQS's queues."""


def apply():
    from strict.events import bus, notices, queues, speed

    for module in (speed, queues, notices, bus):
        module.apply()
