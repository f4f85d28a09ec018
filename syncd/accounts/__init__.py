"""Policy on people and their accounts: pure, so that every rule can be tested without a store."""
