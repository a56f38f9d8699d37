"""Route 53's request throttling, per account.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/throttling-api-requests.html: a request takes a token of its
account's bucket and one of its action's.  An action whose bucket is the smaller one has only that here.
"""

from strict import buckets

# (capacity, refill a second)
ACCOUNT = (50, 10)
ACTIONS = {
    "AssociateVPCWithHostedZone": (20, 5),
    "CreateHealthCheck": (50, 0.5),
    "CreateHostedZone": (40, 2),
    "CreateReusableDelegationSet": (40, 2),
    "DeleteHealthCheck": (15, 3),
    "DeleteHostedZone": (40, 5),
    "DeleteReusableDelegationSet": (40, 5),
    "DisassociateVPCFromHostedZone": (10, 5),
    "GetHealthCheckStatus": (4, 1),
}


def bucket(call):
    """https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/throttling-api-requests.html"""
    if call.name in ACTIONS:
        return f"route53 {call.name}", *ACTIONS[call.name]
    return "route53", *ACCOUNT


def apply():
    buckets.BUCKETS["route53"] = bucket
