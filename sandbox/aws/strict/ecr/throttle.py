"""ECR's request throttling: a bucket per action, per account and Region.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html (rates of pushing and pulling)
"""

# action: how many a second, and at once
PUBLISHED = {
    "BatchCheckLayerAvailability": 1000,
    "BatchGetImage": 2000,
    "CompleteLayerUpload": 100,
    "GetAuthorizationToken": 500,
    "GetDownloadUrlForLayer": 3000,
    "InitiateLayerUpload": 100,
    "PutImage": 10,
    "UploadLayerPart": 500,
}
# The page has no rates for the others: these are prudent guesses (bucket, refill a second), and no promise of AWS's.
DELETION = (20, 10)
OTHERS = (100, 50)


def bucket(call):
    rate = PUBLISHED.get(call.name)
    if rate:
        return f"ecr {call.name}", rate, rate
    capacity, refill = DELETION if call.name == "BatchDeleteImage" else OTHERS
    return f"ecr {call.name}", capacity, refill
