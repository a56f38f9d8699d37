"""Lambda functions made of images: digests, versions, aliases, pages."""

import unittest

from harness import ACCOUNT, client, in_account, strictness
from test_ecs import OTHER, EcsCase, uri


class Functions(EcsCase):
    def setUp(self):
        super().setUp()
        self.functions = client("lambda")

    def create(self, name="thumbs", image="example.com/thumbs:1", functions=None, account=ACCOUNT, **fields):
        asked = {"PackageType": "Image", "Code": {"ImageUri": image}, "Role": f"arn:aws:iam::{account}:role/run"}
        return (functions or self.functions).create_function(FunctionName=name, **asked, **fields)

    def resolved(self, name="thumbs", qualifier="$LATEST"):
        code = self.functions.get_function(FunctionName=name, Qualifier=qualifier)["Code"]
        return code["ImageUri"], code["ResolvedImageUri"]

    def update(self, image, **fields):
        return self.functions.update_function_code(FunctionName="thumbs", ImageUri=image, **fields)

    @strictness("functions.set_function_code", "functions.get_code", "functions.put_function")
    def test_the_tag_is_resolved_when_the_function_is_made(self):
        first = self.push("shop/thumbs", "live", "one")
        self.assertEqual("Image", self.create(image=uri("shop/thumbs", ":live"))["PackageType"])
        second = self.push("shop/thumbs", "live", "two")
        self.assertEqual((uri("shop/thumbs", ":live"), uri("shop/thumbs", f"@{first}")), self.resolved())
        self.update(uri("shop/thumbs", ":live"))
        self.assertEqual(uri("shop/thumbs", f"@{second}"), self.resolved()[1])

    @strictness("functions.set_function_code")
    def test_the_image_must_be_there(self):
        self.push("shop/thumbs", "1")
        self.refused("InvalidParameterValueException", self.create, image=uri("shop/thumbs", ":2"))
        self.create(image=uri("shop/thumbs"))
        self.refused("InvalidParameterValueException", self.update, uri("shop/thumbs", ":2"))

    @strictness("functions.get_code")
    def test_by_the_arn_of_a_list(self):
        self.create()
        (listed,) = self.functions.list_functions(FunctionVersion="ALL")["Functions"]
        shown = self.functions.get_function(FunctionName=listed["FunctionArn"])
        self.assertEqual("example.com/thumbs:1", shown["Code"]["ImageUri"])
        self.assertEqual(f"sha256:{listed['CodeSha256']}", shown["Code"]["ResolvedImageUri"].partition("@")[2])

    @strictness("functions.put_function")
    def test_roles(self):
        self.create()
        self.refused("AccessDeniedException", self.create, "other", account=OTHER)

    @strictness("functions.publish_version", "functions.update_function_code")
    def test_a_version_keeps_its_image(self):
        digests = [self.push("shop/thumbs", str(number)) for number in (1, 2, 3)]
        self.create(image=uri("shop/thumbs"))
        self.assertEqual("1", self.functions.publish_version(FunctionName="thumbs")["Version"])
        self.assertEqual("1", self.functions.publish_version(FunctionName="thumbs")["Version"])
        self.update(uri("shop/thumbs", ":2"))
        self.assertEqual("2", self.update(uri("shop/thumbs", ":3"), Publish=True)["Version"])
        wanted = {"1": digests[0], "2": digests[2], "$LATEST": digests[2]}
        for version, digest in wanted.items():
            self.assertEqual(uri("shop/thumbs", f"@{digest}"), self.resolved(qualifier=version)[1], version)
        self.update(uri("shop/thumbs", ":2"))
        self.functions.delete_function(FunctionName="thumbs", Qualifier="2")
        self.assertEqual("3", self.functions.publish_version(FunctionName="thumbs")["Version"])

    @strictness("lambda_lists.list_functions", "lambda_lists.all_versions")
    def test_pages_of_functions_and_versions(self):
        for number in range(26):
            self.create(f"f-{number:02}", Publish=True)
        everything = self.functions.list_functions(FunctionVersion="ALL", MaxItems=1000)
        self.assertEqual(50, len(everything["Functions"]))
        rest = self.functions.list_functions(FunctionVersion="ALL", Marker=everything["NextMarker"])
        versions = [one["Version"] for one in everything["Functions"] + rest["Functions"]]
        self.assertEqual(["$LATEST", "1"] * 26, versions)
        self.assertNotIn("State", everything["Functions"][0])
        self.assertTrue(everything["Functions"][0]["FunctionArn"].endswith(":f-00:$LATEST"))
        latest = self.functions.list_functions()
        self.assertEqual((26, None), (len(latest["Functions"]), latest.get("NextMarker")))
        self.refused("InvalidParameterValueException", self.functions.list_functions, Marker="nonsense")

    @strictness("lambda_lists.list_versions_by_function")
    def test_pages_of_versions(self):
        self.create()
        for number in range(51):
            self.update(f"example.com/thumbs:{number}", Publish=True)
        first = self.functions.list_versions_by_function(FunctionName="thumbs")
        rest = self.functions.list_versions_by_function(FunctionName="thumbs", Marker=first["NextMarker"])
        versions = [one["Version"] for one in first["Versions"] + rest["Versions"]]
        self.assertEqual(["$LATEST", *(str(number) for number in range(1, 52))], versions)
        self.refused("ResourceNotFoundException", self.functions.list_versions_by_function, FunctionName="nowhere")

    @strictness("functions.put_alias", "functions.update_alias", "lambda_lists.list_aliases")
    def test_aliases_with_weights(self):
        self.create(Publish=True)
        self.update("example.com/thumbs:2", Publish=True)
        asked = {"FunctionName": "thumbs", "Name": "live"}
        weights = {"AdditionalVersionWeights": {"1": 0.1}}
        refuse = "InvalidParameterValueException"
        make = self.functions.create_alias
        self.refused(refuse, make, FunctionVersion="$LATEST", RoutingConfig=weights, **asked)
        self.refused(refuse, make, FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {"7": 0.1}}, **asked)
        make(FunctionVersion="2", RoutingConfig=weights, **asked)
        make(FunctionName="thumbs", Name="old", FunctionVersion="1")
        (live, old) = self.functions.list_aliases(FunctionName="thumbs")["Aliases"]
        self.assertEqual((weights, "2"), (live["RoutingConfig"], live["FunctionVersion"]))
        self.assertNotIn("RoutingConfig", old)
        page = self.functions.list_aliases(FunctionName="thumbs", MaxItems=1)
        rest = self.functions.list_aliases(FunctionName="thumbs", MaxItems=1, Marker=page["NextMarker"])
        self.assertEqual(["old"], [one["Name"] for one in rest["Aliases"]])
        listed = self.functions.list_aliases(FunctionName="thumbs", FunctionVersion="1")["Aliases"]
        self.assertEqual(["old"], [one["Name"] for one in listed])
        self.refused(refuse, self.functions.update_alias, FunctionVersion="1", **asked)
        self.functions.update_alias(FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {}}, **asked)
        self.assertEqual("1", self.functions.get_alias(**asked)["FunctionVersion"])

    def test_per_account(self):
        other = client("lambda", credentials=in_account(OTHER))
        self.assertIn(f":{OTHER}:", self.create(functions=other, account=OTHER)["FunctionArn"])
        self.assertEqual([], self.functions.list_functions()["Functions"])


if __name__ == "__main__":
    unittest.main()
