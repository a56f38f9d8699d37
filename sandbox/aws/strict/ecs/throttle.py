"""ECS's request throttling: a bucket per category of actions, per account and Region.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html#throttling-quotas
"""

# category: (bucket's capacity, refill a second, actions)
CATEGORIES = {
    "cluster modify": (20, 1, "CreateCluster DeleteCluster PutClusterCapacityProviders UpdateCluster "
                       "UpdateClusterSettings"),
    "cluster read": (50, 20, "DescribeClusters ListClusters"),
    "task definition modify": (20, 1, "DeregisterTaskDefinition RegisterTaskDefinition"),
    "task definition read": (50, 20, "DescribeTaskDefinition ListTaskDefinitions ListTaskDefinitionFamilies"),
    "task definition deletion": (5, 1, "DeleteTaskDefinitions"),
    "capacity provider modify": (10, 1, "CreateCapacityProvider DeleteCapacityProvider UpdateCapacityProvider"),
    "capacity provider read": (50, 20, "DescribeCapacityProviders"),
    "tag modify": (20, 10, "TagResource UntagResource"),
    "tag read": (50, 20, "ListTagsForResource"),
    "setting modify": (10, 1, "DeleteAccountSetting PutAccountSetting PutAccountSettingDefault"),
    "setting read": (50, 20, "ListAccountSettings"),
    "cluster resource modify": (100, 40, "DeleteAttributes DeregisterContainerInstance ExecuteCommand PutAttributes "
                                "RunTask StartTask StopTask UpdateContainerAgent UpdateContainerInstancesState"),
    "cluster resource read": (100, 20, "DescribeContainerInstances DescribeTasks ListAttributes "
                              "ListContainerInstances ListTasks"),
    "agent modify": (200, 120, "RegisterContainerInstance SubmitAttachmentStateChanges SubmitContainerStateChange "
                     "SubmitTaskStateChange"),
    "service modify": (50, 5, "CreateService DeleteService UpdateService"),
    "service read": (100, 20, "DescribeServices ListServices"),
    "service deployment": (50, 20, "DescribeServiceDeployments ListServiceDeployments"),
    "service revision": (50, 20, "DescribeServiceRevisions"),
    "task protection": (200, 80, "UpdateTaskProtection GetTaskProtection"),
    "cluster service resource read": (10, 1, "ListServicesByNamespace"),
}
# Not on the page (task sets): as services.
OTHERS = ("service modify", 50, 5)
_of_action = {
    action: (category, capacity, refill)
    for category, (capacity, refill, actions) in CATEGORIES.items()
    for action in actions.split()
}


def bucket(call):
    name, capacity, refill = _of_action.get(call.name, OTHERS)
    return f"ecs {name}", capacity, refill
