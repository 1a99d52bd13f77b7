"""The stand-in for Amazon Bedrock: the Converse API, and a shop assistant of rules behind it or a model of your own."""
