"""EC2 Auto Scaling: groups on launch template versions, instance refreshes, and how instances leave their groups."""


def apply():
    from strict.autoscaling import activities, groups, hooks_api, notifications, refresh, refresh_api, termination

    for module in (groups, refresh, refresh_api, activities, notifications, hooks_api, termination):
        module.apply()
