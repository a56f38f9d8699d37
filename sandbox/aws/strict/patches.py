"""Every strictness patch, in the order they are applied."""


def apply():
    from strict import accounts, autoscaling, bucket_policy, consumers, ec2, ecr, ecs, events, route53

    accounts.apply()
    events.apply()
    ec2.apply()
    autoscaling.apply()
    bucket_policy.apply()
    ecr.apply()
    ecs.apply()
    consumers.apply()
    route53.apply()
